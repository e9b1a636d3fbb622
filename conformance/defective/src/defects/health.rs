//! Defects of the area `health`.

use super::defects;

defects! {}
