using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

public sealed class MemoryTrimTests
{
    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(255L << 20, 0, false)]
    [InlineData(256L << 20, 0, true)]
    [InlineData(256L << 20, 8 << 20, false)]
    [InlineData(10L << 30, 1 << 20, true)]
    public void IsDue_AfterMuchWorkAndInRest(long since, long lately, bool due) => MemoryTrim.IsDue(since, lately).ShouldBe(due);
}
