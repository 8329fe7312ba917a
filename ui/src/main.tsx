// Mounts the program, nothing else.

import { render } from "preact";
import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/search.css";
import "./styles/trace.css";
import "./styles/panel.css";
import "./styles/dependencies.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
