using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class AccessLogTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public void Dispose_WritesWhatHasComeInOrder()
    {
        var ports = new List<int>();
        using (var log = new AccessLog(records => ports.AddRange(records.ToArray().Select(record => record.ClientPort))))
        {
            Enumerable.Range(0, 1000).ToList().ForEach(port => log.Offer(new AccessRecord { ClientPort = port }));
        }

        ports.ShouldBe(Enumerable.Range(0, 1000));
    }

    [Fact]
    public void Offer_ManyInAShortTime_ComeInFewBatches()
    {
        var batches = 0;
        var seen = 0;
        using var all = new ManualResetEventSlim();
        using var log = new AccessLog(records =>
        {
            batches++;
            seen += records.Length;
            if (seen == 5000)
            {
                all.Set();
            }
        });
        var began = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 5000; i++)
        {
            log.Offer(default);
        }

        all.Wait(Patience).ShouldBeTrue();
        // One for each 10 ms at most, and the one that was under way.
        batches.ShouldBeLessThanOrEqualTo((int)(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds / 10) + 2);
    }

    [Fact]
    public void Offer_WriterThatIsStuck_DropsAndCounts()
    {
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        var written = 0;
        const int Offered = 40_000;
        long dropped;
        using (
            var log = new AccessLog(records =>
            {
                entered.Set();
                release.Wait(Patience);
                written += records.Length;
            })
        )
        {
            log.Offer(default);
            entered.Wait(Patience).ShouldBeTrue();
            for (var i = 1; i < Offered; i++)
            {
                log.Offer(default);
            }

            dropped = log.Dropped;
            release.Set();
        }

        dropped.ShouldBe(Offered - 1 - 16_384);
        written.ShouldBe(1 + 16_384);
    }
}
