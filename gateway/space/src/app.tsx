// Which screen is shown to whom.
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { useStore } from "./data/stores";
import { chosen, Speaking } from "./i18n";
import { Expired } from "./frame/expired";
import { Frame } from "./frame/frame";
import { Loading, Trouble } from "./parts/loading";
import { flash, go, usePlace, type RouteName } from "./router";
import AccountScreen from "./screens/account";
import Activity from "./screens/activity";
import Consent from "./screens/consent";
import Consents from "./screens/consents";
import Edit from "./screens/edit";
import Email from "./screens/email";
import Home from "./screens/home";
import { Refuse, Report, Revert } from "./screens/links";
import Login from "./screens/login";
import LostPassword from "./screens/lostPassword";
import Mails from "./screens/mails";
import NewPassword from "./screens/newPassword";
import NotFound from "./screens/notFound";
import Password from "./screens/password";
import Sessions from "./screens/sessions";
import Signup from "./screens/signup";
import SignupCode from "./screens/signupCode";
import SpareEmail from "./screens/spareEmail";
import { SessionProvider, useSession } from "./session";

/** For whom a screen is: whoever has a link, whoever is not signed in, anybody, the holder. */
type Audience = "link" | "stranger" | "anybody" | "holder";

const SCREENS: Record<RouteName, readonly [Audience, ComponentType]> = {
  home: ["holder", Home],
  signup: ["stranger", Signup],
  signupCode: ["stranger", SignupCode],
  login: ["stranger", Login],
  lostPassword: ["anybody", LostPassword],
  newPassword: ["anybody", NewPassword],
  account: ["holder", AccountScreen],
  edit: ["holder", Edit],
  email: ["holder", Email],
  spareEmail: ["holder", SpareEmail],
  password: ["holder", Password],
  sessions: ["holder", Sessions],
  mails: ["holder", Mails],
  activity: ["holder", Activity],
  consents: ["holder", Consents],
  refuse: ["link", Refuse],
  revert: ["link", Revert],
  report: ["link", Report],
  consent: ["holder", Consent],
};

export function App() {
  const { route, fragment } = usePlace();
  const [audience, Screen] = route ? SCREENS[route] : (["anybody", NotFound] as const);
  return (
    <Speaking language={useStore(chosen)}>
      {audience === "link" ? (
        <Frame>
          <Screen key={`${route}#${fragment}`} />
        </Frame>
      ) : (
        <SessionProvider>
          <Inside audience={audience} Screen={Screen} />
        </SessionProvider>
      )}
    </Speaking>
  );
}

function Inside({ audience, Screen }: { audience: Audience; Screen: ComponentType }) {
  const { account, hasExpired, isLoading, problem, refresh, leave } = useSession();
  const isMisplaced = audience === "stranger" && account !== null && !hasExpired;
  useEffect(() => {
    if (isMisplaced) go("home", { replace: true, say: flash.get() });
    if (audience === "stranger" && hasExpired) leave();
  }, [isMisplaced, hasExpired, audience, leave]);

  if (audience === "anybody") return <Framed Screen={Screen} />;
  if (problem && !account) {
    return (
      <Frame>
        <Trouble sentence={problem} retry={refresh} />
      </Frame>
    );
  }
  if (isLoading || isMisplaced) {
    return (
      <Frame>
        <Loading />
      </Frame>
    );
  }
  return <Framed Screen={audience === "holder" && !account ? Login : Screen} />;
}

/** A screen keeps its state while its holder signs in again, and loses it when somebody else does. */
function Framed({ Screen }: { Screen: ComponentType }) {
  const { account, hasExpired } = useSession();
  const { route } = usePlace();
  return (
    <Frame account={account}>
      {hasExpired && account && <Expired account={account} />}
      <div key={`${route} ${account?.id}`} class={hasExpired ? "hidden" : ""} inert={hasExpired}>
        <Screen />
      </div>
    </Frame>
  );
}
