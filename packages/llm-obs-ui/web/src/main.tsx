import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/controls.css";
import "./style/shell.css";
import "./style/overview.css";
import "./style/traces.css";
import "./style/trace.css";
import "./style/content.css";
import { App } from "./app.tsx";
import { startNavigation } from "./navigation.ts";

startNavigation();
render(<App />, document.getElementById("app")!);
