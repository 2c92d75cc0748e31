//! OCI references and documents: where images are, and what is said about them.

pub mod annotated;
pub mod attachment;
pub mod challenge;
pub mod compat;
pub mod docker;
pub mod document;
pub mod legacy;
pub mod merge;
pub mod reference;
pub mod tree;
pub mod view;

pub use document::{Descriptor, Index};
pub use reference::{Place, Reference, Tag, Version};
