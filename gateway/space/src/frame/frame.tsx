// What stands around every screen.
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { connected, probe } from "../data/client";
import { useStore } from "../data/stores";
import { useWords } from "../i18n";
import { Link } from "../router";
import type { Account } from "../session";
import { LanguageSwitch, SwitchOfAccount } from "./language";
import { Menu } from "./menu";
import { Who } from "./who";

interface FrameProps {
  account?: Account | null;
  children: ComponentChildren;
}

export function Frame({ account = null, children }: FrameProps) {
  const words = useWords();
  const main = useRef<HTMLElement>(null);
  useKeptFocus(main);
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        {words.common.skip}
      </a>
      <header class="top">
        <Link to="home" class="brand">
          <span class="mark" aria-hidden="true">
            N
          </span>
          {words.space}
        </Link>
        {account ? <SwitchOfAccount account={account} /> : <LanguageSwitch />}
        {account && <Who account={account} />}
      </header>
      <div class={account ? "middle with-menu" : "middle"}>
        {account && <Menu />}
        <main id="content" tabIndex={-1} ref={main}>
          {children}
        </main>
      </div>
      <Connection />
    </>
  );
}

/** What had the focus is gone, replaced by what it led to: go on at the heading, not at the top. */
function useKeptFocus(main: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    if (!main.current) return;
    let last: EventTarget | null = null;
    const note = (event: FocusEvent) => (last = event.target);
    const observer = new MutationObserver(() => {
      const isLost = document.activeElement === document.body && last instanceof Element && !last.isConnected;
      if (isLost) main.current?.querySelector<HTMLElement>("h1")?.focus();
    });
    document.addEventListener("focusin", note);
    observer.observe(main.current, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", note);
      observer.disconnect();
    };
  }, [main]);
}

// The fragment belongs to the links in mails.
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

const TRIES_EVERY = 2_000;

function Connection() {
  const words = useWords();
  const isConnected = useStore(connected);
  useEffect(() => {
    if (isConnected) return;
    const timer = setInterval(probe, TRIES_EVERY);
    addEventListener("online", probe);
    return () => {
      clearInterval(timer);
      removeEventListener("online", probe);
    };
  }, [isConnected]);
  return (
    <div role="status" class={isConnected ? "" : "connection"}>
      {!isConnected && words.problems.offline}
    </div>
  );
}
