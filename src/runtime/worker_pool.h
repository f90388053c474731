// A few threads that run tasks in the order in which they were posted. Bounded by count: a task
// that does not fit is refused, and its poster counts the loss.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace steward::runtime {

class WorkerPool {
 public:
  using Task = std::function<void()>;

  WorkerPool(std::size_t threads, std::size_t max_tasks);
  ~WorkerPool();  // stops
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Any thread. Our own tasks (`must`) are taken even when the pool is full: they are bounded by
  // the protocol's windows. False when refused, or after stop().
  bool post(Task task, bool must = false);

  // Tasks not yet begun are dropped; waits for those that run.
  void stop();

  std::size_t waiting() const;

 private:
  void run();

  const std::size_t max_tasks_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace steward::runtime
