//! OCI references and documents: where images are, and what is said about them.

pub mod attachment;
pub mod document;
pub mod reference;

pub use document::{Descriptor, Index};
pub use reference::{Place, Reference, Tag, Version};
