//! Rapport's tests, as one binary: a second one would link DataFusion a second time.

mod model_cases;
