#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <thread>

#include "base/test.h"

namespace catchment {
namespace {

/// An open file in memory.
Descriptor Memory() { return Descriptor(memfd_create("test", MFD_CLOEXEC)); }

bool IsOpen(int number) { return fcntl(number, F_GETFD) >= 0; }

TEST(DescriptorTest, ClosesWhatItHoldsOnce) {
  int number = -1;
  {
    const Descriptor file = Memory();
    ASSERT_TRUE(file.open());
    number = file.number();
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(DescriptorTest, ClosesWhatItHeldWhenAnotherIsGiven) {
  Descriptor file = Memory();
  const int first = file.number();
  Descriptor other = Memory();
  const int second = other.number();
  file = std::move(other);
  other = Descriptor();
  EXPECT_FALSE(IsOpen(first));
  EXPECT_TRUE(IsOpen(second));
  EXPECT_EQ(file.number(), second);
}

TEST(DescriptorTest, LeavesWhatWasReleasedOpen) {
  Descriptor file = Memory();
  const Descriptor taken(file.Release());
  EXPECT_FALSE(file.open());
  file.Close();
  EXPECT_TRUE(IsOpen(taken.number()));
}

TEST(DescriptorTest, ReadsFromAnyPlaceAndLessAtTheEnd) {
  const Descriptor file = Memory();
  ASSERT_OK(WriteAll(file.number(), "0123456789", "memory"));
  std::string text(4, '\0');
  ASSERT_OK_AND_ASSIGN(size_t got, ReadAt(file.number(), text, 3, "memory"));
  EXPECT_EQ(got, 4u);
  EXPECT_EQ(text, "3456");
  ASSERT_OK_AND_ASSIGN(got, ReadAt(file.number(), text, 8, "memory"));
  EXPECT_EQ(got, 2u);
  ASSERT_OK_AND_ASSIGN(got, ReadAt(file.number(), text, 10, "memory"));
  EXPECT_EQ(got, 0u);
}

TEST(DescriptorTest, WritesALongTextThroughAPipeInPieces) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  const std::string text(1 << 20, 'x');  // more than a pipe holds
  std::jthread writer([&] {
    EXPECT_OK(WriteAll(to.number(), text, "pipe"));
    to.Close();
  });
  size_t seen = 0;
  char buffer[4096];
  for (ssize_t got; (got = read(from.number(), buffer, sizeof buffer)) > 0;) seen += got;
  EXPECT_EQ(seen, text.size());
}

TEST(DescriptorTest, SaysWhichFileCannotBeWrittenOrRead) {
  std::string text(1, '\0');
  EXPECT_ERROR(WriteAll(-1, text, "/some/file"), Code::kUnavailable, "/some/file: cannot write");
  EXPECT_ERROR(ReadAt(-1, text, 0, "/some/file"), Code::kUnavailable, "/some/file: cannot read");
}

}  // namespace
}  // namespace catchment
