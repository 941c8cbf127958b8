//! Work that outlives whoever waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that is polled in place, and goes on in a task of its own if it is dropped before
/// its end. Most calls end while their caller waits: those need no task.
pub(super) struct Lasting<T: Send + 'static>(Option<Work<T>>);

impl<T: Send + 'static> Lasting<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Lasting(Some(Box::pin(work)))
    }
}

/// Ready with what the work brought; with nothing if it panicked.
impl<T: Send + 'static> Future for Lasting<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(mut work) = self.0.take() else {
            return Poll::Ready(None);
        };
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => {
                self.0 = Some(work);
                Poll::Pending
            }
            Ok(Poll::Ready(brought)) => Poll::Ready(Some(brought)),
            Err(_) => Poll::Ready(None),
        }
    }
}

impl<T: Send + 'static> Drop for Lasting<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// Work that waits for a word and passes it on.
    fn relay() -> (oneshot::Sender<u8>, Lasting<()>, oneshot::Receiver<u8>) {
        let (begin, begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let work = Lasting::new(async move {
            let word = begun.await.expect("the test sends a word");
            let _ = end.send(word);
        });
        (begin, work, ended)
    }

    #[tokio::test]
    async fn it_ends_in_place_for_whoever_waits() {
        let (begin, work, ended) = relay();
        begin.send(7).expect("the work waits");
        assert_eq!(work.await, Some(()));
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn it_goes_on_when_whoever_waited_has_gone() {
        let (begin, mut work, ended) = relay();
        let waited = tokio::time::timeout(Duration::from_millis(1), &mut work).await;
        assert!(waited.is_err(), "nothing has been said yet");
        drop(work);
        begin.send(7).expect("the work still waits");
        assert_eq!(ended.await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_ends_it_and_not_whoever_waits() {
        let work = Lasting::new(async { panic!("as a defect would") });
        assert_eq!(work.await, None::<()>);
    }
}
