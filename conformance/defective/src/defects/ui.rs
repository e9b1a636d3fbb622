//! Defects of the area `ui`.

use super::defects;

defects! {}
