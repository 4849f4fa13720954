using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

public sealed class MemoryTrimTests
{
    [Theory]
    [InlineData(0, 0, false, false)]
    [InlineData(255L << 20, 0, false, false)]
    [InlineData(256L << 20, 0, false, true)]
    [InlineData(256L << 20, 8 << 20, false, false)]
    [InlineData(10L << 30, 1 << 20, false, true)]
    [InlineData(31L << 20, 0, true, false)]
    [InlineData(32L << 20, 0, true, true)]
    [InlineData(32L << 20, 8 << 20, true, false)]
    public void IsDue_AfterMuchWorkAndInRest(long since, long lately, bool isStart, bool due) =>
        MemoryTrim.IsDue(since, lately, isStart).ShouldBe(due);
}
