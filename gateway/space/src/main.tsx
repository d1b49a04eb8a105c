import { Provider } from "@urql/preact";
import { render } from "preact";
import { App } from "./app";
import { makeClient } from "./data/client";
import "./style.css";

const place = document.getElementById("space");
if (place) {
  render(
    <Provider value={makeClient()}>
      <App />
    </Provider>,
    place,
  );
}
