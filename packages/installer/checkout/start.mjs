// `npm start`: sets up, then shows the main job: a failing service raises an alert on a webhook.
import { setUp } from "./setup.mjs";

setUp();
const { launch } = await import("../bin/launch.js");
launch(["up", "--demo", ...process.argv.slice(2)]);
