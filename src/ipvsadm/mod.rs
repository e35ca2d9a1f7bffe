//! The language of the original `ipvsadm`: reading its lines (`syntax`) and writing its texts ([`text`]), side by side.
//!
//! Who uses it: the drop-in (`cli/ipvsadm`), which does what a line means; the prompt, which says how it is written here;
//! `--format ipvsadm`, and what shows changes as its commands.

pub(crate) mod syntax;
pub mod text;
