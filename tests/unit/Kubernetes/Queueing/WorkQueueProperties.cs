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

    /// <summary>Against a plain model: a set of what waits in order, a set of what is in work, and what is dirty.</summary>
    [Fact]
    public void AnySequence_BehavesLikeTheModel() =>
        Prop.ForAll<(byte Op, byte Item)[]>(steps =>
            {
                using var queue = new WorkQueue<int>(new WorkQueueOptions { PerSecond = 0 }, new ManualTime());
                List<int> waiting = [];
                HashSet<int> working = [];
                HashSet<int> dirty = [];
                foreach (var (op, raw) in steps)
                {
                    var item = raw % 4;
                    switch (op % 3)
                    {
                        case 0:
                            queue.Add(item);
                            if (working.Contains(item))
                            {
                                dirty.Add(item);
                            }
                            else if (!waiting.Contains(item))
                            {
                                waiting.Add(item);
                            }

                            break;
                        case 1 when waiting.Count > 0:
                            var taken = queue.TakeAsync(CancellationToken.None);
                            if (
                                !taken.IsCompletedSuccessfully
                                || taken.GetAwaiter().GetResult().Item != waiting[0]
                                || !working.Add(waiting[0])
                            )
                            {
                                return false;
                            }

                            waiting.RemoveAt(0);
                            break;
                        case 2:
                            queue.Done(item);
                            if (working.Remove(item) && dirty.Remove(item))
                            {
                                waiting.Add(item);
                            }

                            break;
                    }

                    if (queue.Count != waiting.Count)
                    {
                        return false;
                    }
                }

                return true;
            })
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
