//! Distances between response distributions of models and of people, with their uncertainty.
//! Plain numbers: no files, no tensors.
