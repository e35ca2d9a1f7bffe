//! The JSON Schema of the table document.

use serde_json::{Value, json};

use crate::model::ServerNumber;

/// Returns the schema (draft 2020-12).
#[must_use]
pub fn schema() -> Value {
    let anyones = json!({"^x-": {}});
    let with_extras = |mut properties: Value| {
        properties["comment"] =
            json!({"description": "Anyone's; kept in the file, not in the kernel."});
        properties["labels"] =
            json!({"description": "Anyone's; kept in the file, not in the kernel."});
        properties
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ipvsh table document",
        "description": "What is left out stays as it is; defaults are for new objects. `observed` is ignored on input.",
        "type": "object",
        "required": ["version"],
        "additionalProperties": false,
        "patternProperties": anyones,
        "properties": with_extras(json!({
            "version": {"const": super::VERSION},
            "incomplete": {"type": "array", "items": {"type": "string"}, "description": "What could not be read, and is null; such a document can't be applied."},
            "services": {"type": "array", "items": {"$ref": "#/$defs/service"}},
            "timeouts": {"$ref": "#/$defs/timeouts"},
            "daemons": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/daemon"}, "description": "Every sync daemon that shall run."},
            "sysctl": {"type": "object", "additionalProperties": {"type": ["string", "number"]}, "description": "Files of /proc/sys/net/ipv4/vs."}
        })),
        "$defs": {
            "service": service_schema(&anyones, &with_extras),
            "destination": destination_schema(&anyones, &with_extras),
            "persistence": {
                "type": "object", "additionalProperties": false, "patternProperties": anyones,
                "properties": with_extras(json!({
                    "timeout_seconds": {"type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 360},
                    "netmask": {"type": "string", "format": "ipv4", "default": "255.255.255.255", "description": "IPv4 services."},
                    "prefix_length": {"type": "integer", "minimum": 1, "maximum": 128, "default": 128, "description": "IPv6 services."},
                    "engine": {"type": ["string", "null"], "default": null}
                }))
            },
            "tunnel": {
                "type": "object", "required": ["type"], "additionalProperties": false, "patternProperties": anyones,
                "properties": with_extras(json!({
                    "type": {"type": "string", "description": "ipip, gue or gre; type-N is a kernel's own and can't be created."},
                    "port": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "gue needs one."},
                    "checksum": {"enum": ["none", "csum", "remcsum"], "default": "none"},
                    "flags": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "Of type-N."}
                }))
            },
            "timeouts": {
                "type": "object", "additionalProperties": false, "patternProperties": anyones,
                "properties": with_extras(json!({
                    "tcp_seconds": seconds(), "tcp_fin_seconds": seconds(), "udp_seconds": seconds()
                }))
            },
            "daemon": {
                "type": "object", "required": ["state", "interface"], "additionalProperties": false, "patternProperties": anyones,
                "properties": with_extras(json!({
                    "state": {"enum": ["master", "backup"]},
                    "interface": {"type": "string", "minLength": 1, "maxLength": 15},
                    "sync_id": {"type": "integer", "minimum": 0, "maximum": 255, "default": 0},
                    "sync_maxlen": {"type": ["integer", "null"], "minimum": 1, "maximum": 65507, "description": "Left out or null, the kernel chooses."},
                    "group": {"type": "string", "default": "224.0.0.81"},
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 8848},
                    "ttl": {"type": "integer", "minimum": 1, "maximum": 255, "default": 1}
                }))
            }
        }
    })
}

fn seconds() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 2_147_483})
}

fn service_schema(anyones: &Value, with_extras: &dyn Fn(Value) -> Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false, "patternProperties": anyones,
        "anyOf": [
            {"required": ["id"]},
            {"required": ["protocol", "address", "port"]},
            {"required": ["fwmark"]}
        ],
        "properties": with_extras(json!({
            "id": {"type": "string", "description": "tcp://192.0.2.1:80, udp://[2001:db8::1]:53, sctp://…, fwmark://7, fwmark6://7; in place of the fields it spells, or beside them if they agree."},
            "protocol": {"type": "string", "description": "tcp, udp or sctp; protocol-N is a kernel's own and can't be created."},
            "address": {"type": "string"},
            "port": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "0 is any port and needs persistence."},
            "fwmark": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            "family": {"enum": ["inet", "inet6"], "default": "inet", "description": "Of a fwmark."},
            "scheduler": {"type": "string", "default": "wlc"},
            "scheduler_flags": {"type": "array", "items": {"enum": ["sh-port", "sh-fallback", "mh-port", "mh-fallback", "flag-1", "flag-2", "flag-3"]}, "default": []},
            "one_packet": {"type": "boolean", "default": false, "description": "udp and marks."},
            "other_flags": {"type": "integer", "description": "Flag bits without a name; kept, not created."},
            "persistence": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/persistence"}], "default": null},
            "dormant_persistence": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/persistence"}], "description": "What the kernel keeps of persistence while the service is not persistent."},
            "destinations": {"type": "array", "items": {"$ref": "#/$defs/destination"}},
            "observed": {"type": "object", "description": "Counters and rates; ignored on input."}
        }))
    })
}

fn destination_schema(anyones: &Value, with_extras: &dyn Fn(Value) -> Value) -> Value {
    let mut schema = json!({
        "type": "object", "additionalProperties": false, "patternProperties": anyones,
        "anyOf": [{"required": ["id"]}, {"required": ["address", "port"]}],
        "properties": with_extras(json!({
            "id": {"type": "string", "description": "10.0.0.2:8080 or [fd00::2]:8080; in place of address and port, or beside them if they agree."},
            "address": {"type": "string"},
            "port": {"type": "integer", "minimum": 0, "maximum": 65535},
            "forwarding": {"type": "string", "default": "direct_routing", "description": "masquerading, direct_routing, tunneling, local or bypass; method-N is a kernel's own and can't be created."},
            "tunnel": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tunnel"}], "default": null, "description": "Null unless tunneling."},
            "observed": {"type": "object", "description": "Whether it is `overloaded` and `receives` new connections (null: not known), connections, counters and rates; ignored on input."}
        }))
    });
    for number in ServerNumber::ALL {
        schema["properties"][number.name] = json!({"type": "integer", "minimum": 0, "maximum": number.most, "default": number.default});
    }
    schema
}
