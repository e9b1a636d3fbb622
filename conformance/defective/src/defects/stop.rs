//! Defects of the area `stop`.

use super::defects;

defects! {}
