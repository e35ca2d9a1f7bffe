//! The vocabulary: virtual services, real servers and what belongs to them, as plain values.
//!
//! What users write cannot be nonsense: text becomes a type here or an [`Invalid`] that names the value.
//! What kernels hold can always be read: open sets (protocols, schedulers, methods, flag bits) keep what
//! they do not know. Nothing here does I/O, knows bytes, or is serialised.
//!
//! Start with [`ServiceKey`] and [`Table`].

mod address;
mod connection;
mod counters;
mod destination;
mod duration;
mod edit;
mod field;
mod field_value;
mod forwarding;
mod invalid;
mod named_field;
mod network;
mod object;
mod persistence;
mod reception;
mod row;
mod scheduler;
mod selector;
mod service;
mod settings;
mod table;

pub use address::{AddressFamily, Port, Protocol};
pub use connection::ConnectionEntry;
pub use counters::{Connections, Counters, Observed, Rates};
pub use destination::{
    ConnectionThresholds, DestinationConfiguration, DestinationKey, ServerNumber, Weight,
};
pub use duration::{DURATION_FORM, parse_duration};
pub use edit::{
    DestinationEdit, DestinationSpecification, Dormant, PersistenceEdit, ServiceEdit,
    ServiceSpecification, TableSpecification, Trust,
};
pub use field::Field;
pub use field_value::FieldValue;
pub use forwarding::{Checksum, ForwardingMethod, Tunnel};
pub use invalid::{Invalid, is_control, reason, shown, suggestion};
pub use named_field::{NamedField, SortKey};
pub use network::Network;
pub use object::ObjectId;
pub use persistence::{EngineName, Granularity, Persistence};
pub use reception::{Reception, Receptions};
pub use row::{DestinationRow, Known, Row, RowKind, ServerRow, ServicePart, ServiceRow};
pub use scheduler::{Scheduler, SchedulerFlags};
pub use selector::{Pattern, Selector};
pub use service::{Fwmark, ServiceConfiguration, ServiceKey};
pub use settings::{
    DaemonRole, SyncDaemon, SysctlName, Timeouts, TimeoutsEdit, is_same_sysctl_value,
};
pub use table::{DestinationEntry, ListedService, ServiceEntry, Table};
