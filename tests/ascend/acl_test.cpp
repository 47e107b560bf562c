// The host code for a real NPU, against AscendCL on the host: memory, copies, launches, and every call failing once.
#include "ascend/run.hpp"
#include "crest/ascend/acl_device.hpp"

namespace {

using namespace test;
using crest::ascend::AclDevice;
using crest::ascend::AclOptions;

template <class R>
crest::Status status_on(AclDevice& device, const Case<f16>& c, const R& recipe, AscendOptions options = {}) {
  return crest::attention(c.problem, recipe, crest::this_thread_serial(), Ascend(device, options)).status;
}

TEST(AscendAcl, RunsAndCleansUp) {
  {
    AclDevice device;
    ASSERT_TRUE(device.ready());
    for (Index keys : {600, 40, 2000}) {
      Case<f16> c(decode_spec(2, 2, keys, 64));
      EXPECT_EQ(status_on(device, c, crest::exact), crest::Status::ok);
      expect_close(c.problem, oracle::solve(c.problem), f32_tolerance);
      EXPECT_EQ(status_on(device, c, crest::ascend::Sketched{}), crest::Status::ok);
      for (Mapping mapping : mappings())
        EXPECT_EQ(status_on(device, c, crest::clustered, {mapping}), crest::Status::ok);
    }
  }
  EXPECT_TRUE(ascend_emu::Acl::get().clean());
}

TEST(AscendAcl, UsesAnEnginesStream) {
  aclInit(nullptr);
  aclrtSetDevice(0);
  aclrtStream stream = nullptr;
  aclrtCreateStream(&stream);
  {
    AclDevice device(AclOptions{.stream = stream});
    Case<f16> c(decode_spec(1, 1, 300, 128));
    EXPECT_EQ(status_on(device, c, crest::exact), crest::Status::ok);
  }
  EXPECT_EQ(ascend_emu::Acl::get().streams, 1);
  EXPECT_TRUE(ascend_emu::Acl::get().memory.empty());
  aclrtDestroyStream(stream);
  aclrtResetDevice(0);
  aclFinalize();
}

TEST(AscendAcl, EveryErrorIsAStatus) {
  auto& failing = ascend_emu::Acl::get().failing;
  Case<f16> c(decode_spec(2, 1, 100, 64));
  for (const char* call : {"aclInit", "aclrtSetDevice", "aclrtCreateStream", "aclrtMalloc", "aclrtMemcpy",
                           "aclrtSynchronizeStream", "launch"}) {
    SCOPED_TRACE(call);
    failing = call;
    {
      AclDevice device;
      const crest::Status wanted = std::string(call) == "aclrtMemcpy" ||
                                           std::string(call) == "aclrtSynchronizeStream" ||
                                           std::string(call) == "launch"
                                       ? crest::Status::backend
                                       : crest::Status::out_of_memory;
      EXPECT_EQ(status_on(device, c, crest::exact), wanted);
      EXPECT_TRUE(c.untouched());
    }
    failing.clear();
    EXPECT_TRUE(ascend_emu::Acl::get().clean());
  }
}

}  // namespace
