using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Datagrams;

namespace Mooring.Gateway.Tests.Datagrams;

public sealed class SegmentRunTests
{
    /// <summary>Received messages, as (bytes, segment).</summary>
    private static readonly Arbitrary<(int Length, int Segment)[]> Received = (
        from count in Gen.Choose(1, 40)
        from sizes in Gen.Elements(new[] { 0, 1 }, [100], [100, 64], [1200, 1200, 700], [65_507, 30_000])
        from items in Gen.ArrayOf(
            from size in Gen.Elements(sizes)
            from datagrams in Gen.Choose(1, 20)
            from last in Gen.Choose(1, Math.Max(1, size))
            select size == 0 || datagrams == 1 || (size * (datagrams - 1)) + last > 65_507
                ? (size, 0)
                : ((size * (datagrams - 1)) + last, size),
            count
        )
        select items
    ).ToArbitrary();

    [Fact]
    public void Runs_CutAsTheKernelCuts_AreTheDatagramsThatCame() =>
        Prop.ForAll(Received, messages => Datagrams(messages).SequenceEqual(Sent(messages)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void Run_OfEqualDatagrams_TakesAsManyAsOneMessageMay()
    {
        var run = default(SegmentRun);
        var count = 0;
        while (run.TryAdd(100, 0))
        {
            count++;
        }

        (count, run.Count, run.Bytes, run.Segment).ShouldBe((64, 64, 6400, 100));
        run = default;
        while (run.TryAdd(1400, 0)) { }

        run.Bytes.ShouldBe(46 * 1400);
    }

    private static List<int> Datagrams(IEnumerable<(int Length, int Segment)> messages) =>
        [.. messages.SelectMany(message => Cut(message.Length, message.Segment))];

    private static List<int> Sent((int Length, int Segment)[] messages)
    {
        var sent = new List<int>();
        for (var i = 0; i < messages.Length; )
        {
            var run = default(SegmentRun);
            while (i < messages.Length && run.TryAdd(messages[i].Length, messages[i].Segment))
            {
                i++;
            }

            // The kernel's bounds for UDP_SEGMENT.
            run.Count.ShouldBeInRange(1, 64);
            run.Bytes.ShouldBeLessThanOrEqualTo(65_507);
            var cut = Cut(run.Bytes, run.Count > 1 ? run.Segment : 0);
            cut.Count.ShouldBe(run.Count);
            sent.AddRange(cut);
        }

        return sent;
    }

    private static List<int> Cut(int length, int segment)
    {
        if (segment == 0 || length <= segment)
        {
            return [length];
        }

        var parts = Enumerable.Repeat(segment, length / segment).ToList();
        if (length % segment > 0)
        {
            parts.Add(length % segment);
        }

        return parts;
    }
}
