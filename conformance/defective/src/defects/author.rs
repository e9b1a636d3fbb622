//! Defects of the area `author`.

use super::defects;

defects! {}
