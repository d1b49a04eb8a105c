import { useEffect, useState } from "preact/hooks";
import { serverNow } from "../data/client";
import { useSpeech } from "../i18n";

/** The time that is left until an instant of the server's clock; `over` afterwards. */
export function Countdown({ until, before, over }: { until: string; before: string; over: string }) {
  const { language, moment } = useSpeech();
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((Date.parse(until) - now) / 1000));
  if (seconds === 0) return <p>{over}</p>;
  return (
    <p>
      {before}{" "}
      <strong role="timer" class="time" title={moment(until)}>
        {inWords(seconds, language === "FR" ? " h" : " h")}
      </strong>
    </p>
  );
}

function inWords(seconds: number, hour: string): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number: number) => String(number).padStart(2, "0");
  if (hours > 0) return `${hours}${hour} ${two(minutes)} min ${two(rest)} s`;
  return minutes > 0 ? `${minutes} min ${two(rest)} s` : `${rest} s`;
}
