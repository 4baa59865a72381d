//! The one test binary: a second would link DataFusion a second time.

mod exports_corpus;
