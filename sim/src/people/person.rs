//! People at client machines, and the answers that they await.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use trial_broker::client::{Call, CallResult, ConsumedRecord, ProducerRecord};
use trial_broker::ids::{Offset, Ticket, TopicPartition};
use trial_broker::message::ErrorCode;

use super::desk::{Outgoing, Shared};
use crate::fault::MachineId;

/// Where programs get their producers, consumers and administrators: one for each client machine.
#[derive(Clone)]
pub struct People {
    pub(super) shared: Shared,
}

impl People {
    /// The person at this client machine, with every call there is.
    pub fn client(&self, machine: MachineId) -> Person {
        Person { shared: self.shared.clone(), machine }
    }

    /// The person at this producer.
    pub fn producer(&self, machine: MachineId) -> Producer {
        Producer(self.client(machine))
    }

    /// The person at this consumer.
    pub fn consumer(&self, machine: MachineId) -> Consumer {
        Consumer(self.client(machine))
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailed {
    /// Kafka's error.
    pub error: ErrorCode,
    /// In words.
    pub message: String,
}

impl std::fmt::Display for CallFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error.name(), self.message)
    }
}

impl std::error::Error for CallFailed {}

/// A person at a client machine.
#[derive(Clone)]
pub struct Person {
    shared: Shared,
    machine: MachineId,
}

impl Person {
    /// The machine.
    pub fn machine(&self) -> MachineId {
        self.machine
    }

    /// Makes a call. It is made now, whether or not the answer is awaited; dropping the
    /// answer tells the machine that nobody waits any more.
    pub fn call(&self, call: Call) -> Answer {
        let ticket = self.shared.lock().ask(self.machine, call, 1);
        Answer { shared: self.shared.clone(), machine: self.machine, ticket }
    }

    /// Makes a call that is answered by success or failure alone.
    ///
    /// # Errors
    /// What the machine answers.
    pub async fn done(&self, call: Call) -> Result<(), CallFailed> {
        match self.call(call).await {
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            _ => Ok(()),
        }
    }
}

/// The answer to a call, to be awaited.
#[must_use = "dropping an answer abandons the call"]
pub struct Answer {
    shared: Shared,
    machine: MachineId,
    ticket: Ticket,
}

impl Answer {
    /// By which the call is known in the recording.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl Future for Answer {
    type Output = CallResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut desk = self.shared.lock();
        let waiting = desk.open.get_mut(&self.ticket).expect("an answer is awaited once");
        match waiting.result.take() {
            Some(result) => {
                desk.open.remove(&self.ticket);
                Poll::Ready(result)
            }
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut desk = self.shared.lock();
        if desk.open.remove(&self.ticket).is_some_and(|waiting| waiting.result.is_none()) {
            desk.calls.push(Outgoing::Abandon { machine: self.machine, ticket: self.ticket });
            if let Some(driver) = desk.driver.take() {
                driver.wake();
            }
        }
    }
}

/// A person at a producer.
#[derive(Clone)]
pub struct Producer(Person);

impl Producer {
    /// Sends a record. Answers where it lies, once it is there as far as acks promises.
    ///
    /// # Errors
    /// When it was given up: it may or may not be in the log.
    pub async fn send(&self, record: ProducerRecord) -> Result<(TopicPartition, Offset), CallFailed> {
        match self.0.call(Call::Send(record)).await {
            CallResult::Sent { partition, offset } => Ok((partition, offset)),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a send was answered with {other:?}"),
        }
    }

    /// Sends a value without a key.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn send_value(
        &self,
        topic: &str,
        value: impl Into<Bytes>,
    ) -> Result<(TopicPartition, Offset), CallFailed> {
        let record = ProducerRecord { topic: topic.to_owned(), partition: None, key: None, value: Some(value.into()) };
        self.send(record).await
    }

    /// Sends what is waiting, and waits until nothing is.
    ///
    /// # Errors
    /// When the producer is gone.
    pub async fn flush(&self) -> Result<(), CallFailed> {
        self.0.done(Call::Flush).await
    }
}

/// A person at a consumer.
#[derive(Clone)]
pub struct Consumer(Person);

impl Consumer {
    /// Waits for records, for at most this long.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn poll(&self, at_most: Duration) -> Result<Vec<ConsumedRecord>, CallFailed> {
        let timeout_ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
        match self.0.call(Call::Poll { timeout_ms }).await {
            CallResult::Records { records } => Ok(records),
            CallResult::Failed { error, message } => Err(CallFailed { error, message }),
            other => panic!("a poll was answered with {other:?}"),
        }
    }

    /// Reads these partitions.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), CallFailed> {
        self.0.done(Call::Assign(partitions)).await
    }

    /// Goes to an offset.
    ///
    /// # Errors
    /// What the consumer's application would be told.
    pub async fn seek(&self, partition: TopicPartition, offset: Offset) -> Result<(), CallFailed> {
        self.0.done(Call::Seek { partition, offset }).await
    }
}
