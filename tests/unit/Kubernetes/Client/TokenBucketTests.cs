using FsCheck;
using FsCheck.Fluent;
using Mooring.Kubernetes.Client;
using Mooring.Testing;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class TokenBucketTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Reserve_BurstThenPace()
    {
        var bucket = new TokenBucket(10, 3, _time);
        Enumerable.Range(0, 6).Select(_ => bucket.Reserve().TotalMilliseconds).ShouldBe([0, 0, 0, 100, 200, 300], 0.001);
        _time.Advance(TimeSpan.FromMilliseconds(350));
        bucket.Reserve().TotalMilliseconds.ShouldBe(50, 0.001);
    }

    [Fact]
    public void Reserve_AfterAQuietTime_NoMoreThanTheBurst()
    {
        var bucket = new TokenBucket(10, 3, _time);
        _time.Advance(TimeSpan.FromHours(1));
        Enumerable.Range(0, 4).Count(_ => bucket.Reserve() == TimeSpan.Zero).ShouldBe(3);
    }

    [Fact]
    public void NoRate_IsNoLimit()
    {
        var bucket = new TokenBucket(0, 1, _time);
        Enumerable.Range(0, 100).ShouldAllBe(_ => bucket.Reserve() == TimeSpan.Zero && bucket.TryTake());
    }

    [Fact]
    public async Task Wait_Cancelled_GivesItsTokenBack()
    {
        var bucket = new TokenBucket(1, 1, _time);
        bucket.TryTake().ShouldBeTrue();
        using var cancel = new CancellationTokenSource();
        var waiting = bucket.WaitAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        bucket.Reserve().ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void AnyHistory_NeverExceedsTheRate() =>
        Prop.ForAll<PositiveInt, PositiveInt, PositiveInt[]>(
                (rate, burst, steps) =>
                {
                    var time = new ManualTime();
                    var bucket = new TokenBucket(rate.Get, burst.Get, time);
                    var taken = 0;
                    var passed = TimeSpan.Zero;
                    foreach (var step in steps)
                    {
                        taken += Enumerable.Range(0, step.Get % 50).Count(_ => bucket.TryTake());
                        var wait = TimeSpan.FromMilliseconds(step.Get % 700);
                        if (taken > burst.Get + (passed.TotalSeconds * rate.Get) + 1e-6)
                        {
                            return false;
                        }

                        time.Advance(wait);
                        passed += wait;
                    }

                    return true;
                }
            )
            .QuickCheckThrowOnFailure();
}
