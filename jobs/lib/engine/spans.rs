//! The engine's own tasks belong to the work that they are part of: what is logged in them, such as
//! storage that is asked again, has the table and the day.

use std::any::Any;

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tracing::{Instrument as _, Span};

type Erased = Box<dyn Any + Send>;

struct WithSpans;

impl JoinSetTracer for WithSpans {
    fn trace_future(&self, task: BoxFuture<'static, Erased>) -> BoxFuture<'static, Erased> {
        task.instrument(Span::current()).boxed()
    }

    fn trace_block(
        &self,
        block: Box<dyn FnOnce() -> Erased + Send>,
    ) -> Box<dyn FnOnce() -> Erased + Send> {
        let span = Span::current();
        Box::new(move || span.in_scope(block))
    }
}

/// Has every task that a query starts from now on carry the span it is started in.
pub(super) fn carry() {
    // There is one for all engines of a process: the first stays.
    let _ = set_join_set_tracer(&WithSpans);
}
