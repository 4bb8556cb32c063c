//! Files as every tool needs them: whole or absent, mapped, locked; and how long work reports and stops.
//!
//! - [`publish`]: a file appears whole or not at all.
//! - [`Ahead`]: a large file, which the disk begins to write while there is more to come.
//! - [`Map`]: a file's bytes, mapped where the file allows it.
//! - [`make_room`], [`prefer_huge_pages`]: what a large vector may ask of the kernel.
//! - [`publish_generation`]: a document replaced as a whole, the one before it kept.
//! - [`create_dir_all`], [`rename`] and their like: every other change of a folder tree, for what stands in a database.
//! - [`record`]: what is done to a folder, recorded, so that crashes can be derived from it.
//! - [`Lock`]: one writer across processes.
//! - [`Disk`]: the few things that a log, or a database folder, asks of a disk, so that a modelled one ([`model`]), which
//!   can be crashed at every step, can stand in.
//! - [`csv`]: rows of CSV, each with its [`Place`].
//! - [`foreign()`]: decoders of other libraries, which may panic; [`missing_codec`]: what they say of a codec that is not
//!   built in.
//! - [`Job`]: the progress sink and cancel flag that every long-running library call takes.

mod ahead;
pub mod csv;
mod disk;
mod foreign;
mod generations;
mod job;
mod lock;
mod map;
mod memory;
pub mod model;
mod place;
mod publish;
pub mod record;
mod tree;
mod window;

pub use ahead::Ahead;
pub use disk::{Disk, DiskFile, DiskStat, RealDisk};
pub use foreign::{REFUSED, foreign, in_foreign, missing_codec};
pub use generations::{previous_path, publish_generation, read_generation, read_previous_generation};
pub use job::{Cancel, Job, Progress, Silent};
pub use lock::{Lock, stop_waits_on};
pub use map::Map;
pub use memory::{make_room, prefer_huge_pages};
pub use place::Place;
pub use publish::{Publish, publish, remove_stale, sync_dir, write_atomic};
pub use tree::{create_dir_all, remove_dir, remove_dir_all, remove_file, rename, rename_new};
pub use window::Window;
