import { render } from "preact";
import "./style.css";

render(<main>llm-obs</main>, document.getElementById("app")!);
