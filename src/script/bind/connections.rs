//! `connections::`: the connection table.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::model::{ConnectionEntry, Invalid, Network};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::limits;
use crate::script::values::DurationValue;
use crate::session::{
    ConnectionFilter, ConnectionSource, Error, GroupField, service_text, state_of,
};

/// Reads one text or a list of them.
/// Reads each text of an option, one after the other: a list may name one long text a thousand times.
fn each<T>(
    options: &Map,
    name: &str,
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let Some(value) = convert::given(options, name) else {
        return Ok(Vec::new());
    };
    let one = |value: &Dynamic| read(&convert::text(name, value)?);
    match value.read_lock::<Array>() {
        Some(list) => list.iter().map(one).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// Takes the name of a state or protocol; the kernel's have a few letters.
fn word(name: &'static str) -> impl Fn(&str) -> Result<String, Invalid> {
    const LONGEST: usize = 32;
    move |text| {
        if text.len() > LONGEST {
            return Err(Invalid::new(name, text, "it is a word of a few letters"));
        }
        Ok(text.to_owned())
    }
}

fn filter_of(options: &Map) -> Result<ConnectionFilter, Invalid> {
    let known = ["service", "server", "client", "state", "protocol"];
    convert::check_keys("a filter of connections", options, &known)?;
    Ok(ConnectionFilter {
        services: each(options, "service", convert::service_key)?,
        servers: each(options, "server", ConnectionFilter::parse_server)?,
        clients: each(options, "client", Network::parse)?,
        states: each(options, "state", word("state"))?,
        protocols: each(options, "protocol", word("protocol"))?,
    })
}

fn map_of(entry: &ConnectionEntry<'_>) -> Map {
    let is_template = entry.source.1 == 0;
    let client = if is_template {
        entry.source.0.to_string()
    } else {
        std::net::SocketAddr::from(entry.source).to_string()
    };
    let expires = std::time::Duration::from_secs(entry.expires_seconds);
    let mut map = Map::from([
        (
            "protocol".into(),
            entry.protocol.to_ascii_lowercase().into(),
        ),
        ("client".into(), client.into()),
        ("service".into(), service_text(entry).into()),
        (
            "server".into(),
            std::net::SocketAddr::from(entry.destination)
                .to_string()
                .into(),
        ),
        ("state".into(), state_of(entry).into()),
        ("template".into(), is_template.into()),
        ("expires".into(), Dynamic::from(DurationValue(expires))),
    ]);
    if let Some((name, data)) = entry.engine {
        map.insert("engine".into(), format!("{name} {data}").into());
    }
    map
}

fn listed(ctx: &NativeCallContext<'_>, options: &Map) -> Scripted<Array> {
    let mut list = Array::new();
    let mut over = Ok(());
    with(ctx, |session| {
        let filter = filter_of(options)?;
        session.connections(&filter, &mut |entry| {
            if over.is_ok() {
                list.push(map_of(entry).into());
                over = limits::tick();
            }
        })
    })?;
    over?;
    Ok(list)
}

fn grouped(ctx: &NativeCallContext<'_>, by: &Array, options: &Map) -> Scripted<Array> {
    with(ctx, |session| {
        let filter = filter_of(options)?;
        let field = |name: &Dynamic| GroupField::parse(&convert::text("group", name)?);
        let fields = by.iter().map(field);
        let fields = fields.collect::<Result<Vec<GroupField>, Invalid>>()?;
        if fields.is_empty() {
            let expected = "name at least one: client, client/24, server, service, state, protocol";
            return Err(Error::from(Invalid::new("group", "[]", expected)));
        }
        let (groups, _) = session.connection_groups(&filter, &fields)?;
        let rows = groups.into_iter().map(|group| {
            let named = fields.iter().zip(group.values);
            let mut map: Map = named
                .map(|(field, value)| (field.name().into(), value.into()))
                .collect();
            let count = i64::try_from(group.connections).unwrap_or(i64::MAX);
            map.insert("connections".into(), count.into());
            Dynamic::from(map)
        });
        Ok(rows.collect())
    })
}

/// The connection table.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns all connections, and templates of persistent clients, as a list of maps: `protocol`, `client`, `service` (what was asked for),
    /// `server`, `state`, `template`, `expires` (a duration), and `engine` where a persistence engine made it.
    ///
    /// # Example
    /// ```rhai
    /// sim::connect("10.64.0.1:4000", "tcp://192.0.2.1:80");
    /// assert_eq(connections::list()[0].client, "10.64.0.1:4000");
    /// ```
    #[rhai_fn(name = "list", return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<Array> {
        listed(&ctx, &Map::new())
    }

    /// Returns those that are meant: `service`, `server` (an address, with a port or without), `client` (an address or a network), `state`
    /// (`template` of what is none), `protocol`; each a text or a list of texts.
    ///
    /// # Example
    /// ```rhai
    /// connections::list(#{ server: "10.0.0.2", client: "10.64.0.0/16", state: "ESTABLISHED" }).len()
    /// ```
    #[rhai_fn(name = "list", return_raw)]
    pub fn list_of(ctx: NativeCallContext, filter: Map) -> Scripted<Array> {
        listed(&ctx, &filter)
    }

    /// Returns how many connections there are, templates too. Nothing of them is kept in memory.
    ///
    /// # Example
    /// ```rhai
    /// print(connections::count());
    /// ```
    #[rhai_fn(name = "count", return_raw)]
    pub fn count(ctx: NativeCallContext) -> Scripted<i64> {
        count_of(ctx, Map::new())
    }

    /// Returns how many of those there are that are meant, as `connections::list` takes it.
    ///
    /// # Example
    /// ```rhai
    /// assert(connections::count(#{ server: "10.0.0.2" }) == 0, "someone is still there");
    /// ```
    #[rhai_fn(name = "count", return_raw)]
    pub fn count_of(ctx: NativeCallContext, filter: Map) -> Scripted<i64> {
        with(&ctx, |session| {
            let filter = filter_of(&filter)?;
            let read = session.connections(&filter, &mut |_| {})?;
            Ok(i64::try_from(read.taken).unwrap_or(i64::MAX))
        })
    }

    /// Counts connections by what they have in common, the largest groups first: `client`, `client/24` (that many bits of the address),
    /// `server`, `service`, `state`, `protocol`. Returns a list of maps with these fields and `connections`.
    ///
    /// # Example
    /// ```rhai
    /// show(connections::group(["client/24", "server"]).first(10));
    /// ```
    #[rhai_fn(name = "group", return_raw)]
    pub fn group(ctx: NativeCallContext, by: Array) -> Scripted<Array> {
        grouped(&ctx, &by, &Map::new())
    }

    /// Counts those that are meant by what they have in common.
    ///
    /// # Example
    /// ```rhai
    /// connections::group(["state"], #{ service: "tcp://192.0.2.1:80" }).len()
    /// ```
    #[rhai_fn(name = "group", return_raw)]
    pub fn group_of(ctx: NativeCallContext, by: Array, filter: Map) -> Scripted<Array> {
        grouped(&ctx, &by, &filter)
    }
}
