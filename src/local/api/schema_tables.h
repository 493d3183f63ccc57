// Fields of the built-in types, as the API documentation (OpenAPI v3 of Kubernetes 1.36) gives them. One type
// per entry: its name, then its fields as NAME:TYPE; lines that begin with a blank continue the entry before.
//   TYPE   s string, y bytes in base64, i int32, l int64, n number, b boolean, q quantity, t time, m time
//   with
//          microseconds, x number or string, o any object, a anything, or a type's name; []T a list, {}T a
//          map
//   then   ! required; @A+B a list whose items are identified by those fields (server-side apply); $ a set;
//          ^ atomic; %KEY a list merged by that field in strategic merge patches, % alone one of plain
//          values; & the strategy retainKeys
// ^ after a type's name: the type is atomic.
#pragma once

namespace salvor::local {

extern const char* const kCoreSchema;
extern const char* const kWorkloadSchema;
extern const char* const kClusterSchema;

}  // namespace salvor::local
