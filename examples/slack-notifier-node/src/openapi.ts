/** The plugin's routes as an OpenAPI document; the host shows it. */

import { z } from "zod";
import { Delivery } from "./deliveries.js";
import { Problem } from "./problem.js";
import { SettingsChange, SettingsView } from "./settings.js";

const SCHEMAS = {
  Delivery,
  Deliveries: z.object({
    deliveries: z.array(Delivery).meta({ description: "Newest first." }),
  }),
  Problem,
  SettingsChange,
  SettingsView,
};

/** The document; paths are the plugin's own, below `/api/x/slack-notifier-node`. */
export function document(version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Slack Notifier",
      description: "Tells a Slack channel about deployments",
      version,
    },
    paths: {
      "/settings": {
        get: {
          summary: "Shows the settings.",
          responses: { ...shows("SettingsView"), ...problems(401) },
        },
        patch: {
          summary: "Changes the settings; for administrators. Answers with what they are then.",
          requestBody: { required: true, content: json("SettingsChange") },
          responses: { ...shows("SettingsView"), ...problems(400, 401, 403, 415, 422) },
        },
      },
      "/deliveries": {
        get: {
          summary: "Shows the last deliveries, newest first.",
          responses: { ...shows("Deliveries"), ...problems(401) },
        },
      },
    },
    components: { schemas: Object.fromEntries(Object.entries(SCHEMAS).map(plain)) },
  };
}

const REASONS = {
  400: "The body is no JSON",
  401: "Nobody is signed in",
  403: "The caller is no administrator",
  415: "The body is not said to be JSON",
  422: "A field is wrong; the detail names it",
};

function problems(...statuses: (keyof typeof REASONS)[]): object {
  const responses = statuses.map((status) => {
    const content = json("Problem", "application/problem+json");
    return [status, { description: REASONS[status], content }];
  });
  return Object.fromEntries(responses);
}

function shows(schema: keyof typeof SCHEMAS): object {
  return { "200": { description: "Done", content: json(schema) } };
}

function json(schema: keyof typeof SCHEMAS, type = "application/json"): object {
  return { [type]: { schema: { $ref: `#/components/schemas/${schema}` } } };
}

/** A schema as OpenAPI has it, which says once what JSON Schema it speaks. */
function plain([name, schema]: [string, z.ZodType]): [string, object] {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return [name, rest];
}
