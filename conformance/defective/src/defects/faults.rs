//! Defects of the area `faults`.

use super::defects;

defects! {}
