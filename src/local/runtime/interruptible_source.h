// A source whose pending read can be ended: the standard input of an exec, which waits for a client that may
// never write again after the command has ended. PodRuntime::exec interrupts such a source before it returns.
#pragma once

#include "base/stream.h"

namespace salvor::local {

class InterruptibleSource : public base::Source {
 public:
  // Makes a read that waits, and all later ones, return 0. From any thread.
  virtual void interrupt() = 0;
};

}  // namespace salvor::local
