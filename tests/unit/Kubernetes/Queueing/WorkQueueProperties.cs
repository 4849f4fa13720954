using FsCheck;
using FsCheck.Fluent;
using Mooring.Kubernetes.Queueing;
using Mooring.Testing;

namespace Mooring.Kubernetes.Tests.Queueing;

public sealed class WorkQueueProperties
{
    private static readonly TimeSpan Min = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(1000);

    [Fact]
    public void Backoff_GrowsAndStaysWithinBounds() =>
        Prop.ForAll<NonNegativeInt>(failures =>
            {
                var delay = Backoff.Delay(Min, Max, failures.Get);
                var next = Backoff.Delay(Min, Max, failures.Get + 1);
                return delay >= Min && delay <= Max && next >= delay && (next == Max || next == delay * 2);
            })
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0, 5)]
    [InlineData(1, 10)]
    [InlineData(17, 655_360)]
    [InlineData(18, 1_000_000)]
    [InlineData(int.MaxValue, 1_000_000)]
    public void Backoff_Table(int failures, double milliseconds) =>
        Backoff.Delay(Min, Max, failures).TotalMilliseconds.ShouldBe(milliseconds);

    [Fact]
    public void Backoff_Jitter_LengthensByItsShareAtMost()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), jitter: 1);
        double[] least = [1, 2, 4, 4, 4];
        least.ShouldAllBe(seconds => backoff.Next().TotalSeconds >= seconds);
        backoff.Next().TotalSeconds.ShouldBeLessThanOrEqualTo(8);
        backoff.Reset();
        backoff.Next().TotalSeconds.ShouldBeLessThanOrEqualTo(2);
    }

    /// <summary>Against a plain model: what waits in order, a list for each priority; what is in work; and what was added meanwhile.</summary>
    [Fact]
    public void AnySequence_BehavesLikeTheModel() =>
        Prop.ForAll<(byte Op, byte Item)[]>(steps =>
            {
                using var queue = new WorkQueue<int>(new WorkQueueOptions { PerSecond = 0 }, new ManualTime());
                List<int> normal = [];
                List<int> low = [];
                HashSet<int> working = [];
                Dictionary<int, bool> dirty = [];
                var run = 0;
                void Wait(int item, bool isLow)
                {
                    if (!isLow && !normal.Contains(item))
                    {
                        low.Remove(item);
                        normal.Add(item);
                    }
                    else if (isLow && !normal.Contains(item) && !low.Contains(item))
                    {
                        low.Add(item);
                    }
                }

                foreach (var (op, raw) in steps)
                {
                    var item = raw % 7;
                    switch (op % 4)
                    {
                        case 0 or 1:
                            var isLow = op % 4 == 0;
                            queue.Add(item, isLow ? WorkPriority.Low : WorkPriority.Normal);
                            if (working.Contains(item))
                            {
                                dirty[item] = isLow && dirty.GetValueOrDefault(item, true);
                            }
                            else
                            {
                                Wait(item, isLow);
                            }

                            break;
                        case 2 when normal.Count + low.Count > 0:
                            var takesLow = low.Count > 0 && (normal.Count == 0 || run == 4);
                            run = takesLow || low.Count == 0 ? 0 : run + 1;
                            var lane = takesLow ? low : normal;
                            var taken = queue.TakeAsync(CancellationToken.None);
                            if (
                                !taken.IsCompletedSuccessfully
                                || taken.GetAwaiter().GetResult().Item != lane[0]
                                || queue.PriorityOf(lane[0]) != (takesLow ? WorkPriority.Low : WorkPriority.Normal)
                                || !working.Add(lane[0])
                            )
                            {
                                return false;
                            }

                            lane.RemoveAt(0);
                            break;
                        case 3:
                            queue.Done(item);
                            if (working.Remove(item) && dirty.Remove(item, out var wasLow))
                            {
                                Wait(item, wasLow);
                            }

                            break;
                    }

                    if (queue.Count != normal.Count + low.Count)
                    {
                        return false;
                    }
                }

                return true;
            })
            .QuickCheckThrowOnFailure();

    /// <summary>However many changes come, each low item has its turn: of five taken in a row one was waiting in the low lane, the one that waited longest.</summary>
    [Fact]
    public void EndlessChanges_StarveNoLowItem() =>
        Prop.ForAll<byte, byte[]>(
                (rawLow, bursts) =>
                {
                    var lanes = new WorkLanes<int>();
                    var low = rawLow % 20;
                    for (var item = 0; item < low; item++)
                    {
                        lanes.Add(item, WorkPriority.Low);
                    }

                    var change = 1000;
                    var (next, since) = (0, 0);
                    foreach (var burst in bursts)
                    {
                        // At least one change for each that is taken, so that by strict priority the low ones would wait for ever.
                        for (var i = 0; i <= burst % 5; i++)
                        {
                            lanes.Add(change++, WorkPriority.Normal);
                        }

                        lanes.TryTake(out var taken);
                        since = taken < 1000 ? 0 : since + 1;
                        if ((next < low && since > WorkLanes<int>.NormalRun) || (taken < 1000 && taken != next++))
                        {
                            return false;
                        }
                    }

                    return true;
                }
            )
            .QuickCheckThrowOnFailure();

    /// <summary>Whatever the threads do: no item is with two workers at once, and the last add of each is worked on.</summary>
    [Fact]
    public async Task ManyThreads_NoItemTwiceAtOnce_NoneLost()
    {
        using var queue = new WorkQueue<int>(new WorkQueueOptions { PerSecond = 0 });
        const int Items = 20;
        var inWork = new int[Items];
        var added = new int[Items];
        var seen = new int[Items];
        var clashes = 0;
        var workers = Enumerable
            .Range(0, 4)
            .Select(_ =>
                Task.Run(async () =>
                {
                    while (await queue.TakeAsync(CancellationToken.None) is (true, var item))
                    {
                        clashes += Interlocked.Increment(ref inWork[item]) == 1 ? 0 : 1;
                        seen[item] = Volatile.Read(ref added[item]);
                        await Task.Yield();
                        Interlocked.Decrement(ref inWork[item]);
                        queue.Done(item);
                    }
                })
            )
            .ToArray();
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(seed =>
                    Task.Run(() =>
                    {
                        var random = new System.Random(seed);
                        for (var i = 0; i < 5000; i++)
                        {
                            var item = random.Next(Items);
                            Interlocked.Increment(ref added[item]);
                            queue.Add(item);
                        }
                    })
                )
        );
        await queue.ShutDownAndDrainAsync(CancellationToken.None).WaitAsync(Widgets.Deadline);
        await Task.WhenAll(workers).WaitAsync(Widgets.Deadline);
        clashes.ShouldBe(0);
        seen.ShouldBe(added);
    }
}
