//! What is typed to export the table, as a document or as metrics.

use clap::{Args, ValueEnum};

use super::looking_back_args::LookingBack;
use super::option_values::{filled, number, sysctl_name};
use crate::model::SysctlName;
use crate::results::metrics::{BackendLabel, SERIES_LIMIT, is_taken};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// The table document in JSON
    Json,
    /// The same in YAML
    Yaml,
    /// Metrics in the text format of Prometheus
    Prometheus,
    /// Metrics in the text format OpenMetrics
    Openmetrics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum NamesChoice {
    /// Ours: services and real servers by their ids
    Ipvsh,
    /// The eight of node_exporter's collector
    Node,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ExportArguments {
    /// The format; `--json` is `-o json`
    #[arg(long, short = 'o', value_enum, default_value = "json")]
    pub(super) format: ExportFormat,
    /// Write to a file, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) out: Option<String>,
    /// Configuration alone, without what was observed: for version control
    #[arg(long)]
    pub(super) config: bool,
    /// With these kernel parameters, separated by commas; the kernel does not tell which ones somebody has set
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = sysctl_name, conflicts_with = "objects")]
    pub(super) sysctl: Vec<SysctlName>,
    #[command(flatten)]
    pub(super) back: LookingBack,
    #[command(flatten)]
    pub(super) metrics: MetricsArguments,
    /// Export these only: KEY, KEY/SERVER, SERVER, or a pattern with `*`
    #[arg(value_name = "OBJECT")]
    pub(super) objects: Vec<String>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of metrics")]
pub(super) struct MetricsArguments {
    /// Which names, separated by commas [default: ipvsh]
    #[arg(long, value_enum, value_name = "NAMES", value_delimiter = ',')]
    pub(super) names: Vec<NamesChoice>,
    /// The labels of backends under node_exporter's names, separated by commas; those that agree in them are summed [default: all]
    #[arg(long, value_name = "LABELS", value_delimiter = ',', value_parser = backend_label)]
    pub(super) backend_labels: Vec<BackendLabel>,
    /// node_exporter runs with --no-collector.ipvs, so that its names may be used beside it
    #[arg(long)]
    pub(super) collector_off: bool,
    /// How many series at most; whole families of real servers go when there are more, and 0 is no limit
    #[arg(long, value_name = "N", default_value_t = SERIES_LIMIT, value_parser = number::<u64>)]
    pub(super) series_limit: u64,
    /// A label of every series, KEY=VALUE; can be repeated
    #[arg(long = "constant-label", value_name = "KEY=VALUE", value_parser = constant)]
    pub(super) constant: Vec<(String, String)>,
    /// Name services and real servers by the `labels` that they have in this document
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) labels: Option<String>,
    /// Tell how many changes would make the table what this document says
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) expect: Option<String>,
    /// Leave real servers out
    #[arg(long)]
    pub(super) no_servers: bool,
    /// Count the entries of the table of connections, which the kernel has to walk through for that
    #[arg(long)]
    pub(super) connections: bool,
}

impl MetricsArguments {
    /// Returns the first option that is given.
    pub(super) fn given(&self) -> Option<&'static str> {
        let given = [
            (!self.names.is_empty(), "--names"),
            (!self.backend_labels.is_empty(), "--backend-labels"),
            (self.collector_off, "--collector-off"),
            (self.series_limit != SERIES_LIMIT, "--series-limit"),
            (!self.constant.is_empty(), "--constant-label"),
            (self.labels.is_some(), "--labels"),
            (self.expect.is_some(), "--expect"),
            (self.no_servers, "--no-servers"),
            (self.connections, "--connections"),
        ];
        given
            .into_iter()
            .find_map(|(is_given, name)| is_given.then_some(name))
    }
}

/// Reads the label of a backend.
fn backend_label(text: &str) -> Result<BackendLabel, String> {
    let found = BackendLabel::ALL
        .into_iter()
        .find(|label| label.name() == text);
    found.ok_or_else(|| {
        let names = BackendLabel::ALL.map(BackendLabel::name);
        format!("there are {}", names.join(", "))
    })
}

/// Reads a label of every series.
fn constant(text: &str) -> Result<(String, String), String> {
    let wrong =
        || "write KEY=VALUE, the key of letters, digits and `_`, as in site=ber1".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || name.starts_with("__") || !name.chars().all(is_part) {
        return Err(wrong());
    }
    if is_taken(name) {
        return Err(format!(
            "series have a label {name} of their own; choose another name"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}
