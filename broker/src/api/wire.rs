//! Plain values to Kafka's wire types and back. (Being built.)
