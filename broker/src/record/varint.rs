//! Variable-length integers as Kafka's records use them (zigzag, 7 bits a byte).
