//! Defects of the area `http`.

use super::defects;

defects! {}
