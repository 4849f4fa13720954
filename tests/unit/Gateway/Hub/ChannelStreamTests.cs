using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Tests.Hub;

public sealed class ChannelStreamTests
{
    /// <summary>What keeps a publication, beside its payload.</summary>
    private const int NodeBytes = 40;

    [Fact]
    public void Streams_AnySteps_AreWhatListsWouldBe() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(200),
            Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new Random(seed);
                    var log = new HistoryLog();
                    var streams = Enumerable.Range(0, 4).Select(i => new Modelled(i, log)).ToList();
                    var came = 0;
                    for (var step = 0; step < 200; step++)
                    {
                        var at = random.Next(streams.Count);
                        switch (random.Next(12))
                        {
                            case 0:
                                streams[at].Stream.Clear();
                                streams[at].Model.Clear();
                                break;
                            case 1:
                                streams[at].Stream.Close();
                                streams[at] = new Modelled(step, log);
                                break;
                            case 2:
                                DropOldest(log, streams);
                                break;
                            default:
                                streams[at].Add(came++, random.Next(1, 6), random);
                                break;
                        }

                        foreach (var one in streams)
                        {
                            one.Check(random);
                        }
                    }

                    streams.ForEach(one => one.Stream.Close());
                    log.Oldest.ShouldBeNull();
                }
            )
        );

    private static void DropOldest(HistoryLog log, List<Modelled> streams)
    {
        var oldest = streams.Where(one => one.Model.Count > 0).MinBy(one => one.Model[0].Came);
        log.Oldest.ShouldBe(oldest?.Stream);
        log.OldestAt.ShouldBe(oldest?.Model[0].Came ?? long.MaxValue);
        if (oldest is not null)
        {
            oldest.Stream.DropFirst().ShouldBe(oldest.Model[0].Payload.Length + NodeBytes);
            oldest.Model.RemoveAt(0);
        }
    }

    private sealed class Modelled(int number, HistoryLog log)
    {
        public ChannelStream Stream { get; } = new($"e{number}", log);

        public List<(int Came, ulong Offset, byte[] Payload)> Model { get; } = [];

        public void Add(int came, int size, Random random)
        {
            var payload = new byte[random.Next(0, 50)];
            random.NextBytes(payload);
            Stream.Add(payload, size, came);
            Model.Add((came, Stream.Top, payload));
            Model.RemoveRange(0, Math.Max(0, Model.Count - size));
        }

        public void Check(Random random)
        {
            (Stream.Count, Stream.Bytes).ShouldBe((Model.Count, Model.Sum(one => (long)one.Payload.Length + NodeBytes)));
            if (Model.Count > 0)
            {
                (Stream.First, Stream.Top).ShouldBe((Model[0].Offset, Model[^1].Offset));
            }

            StreamPosition? since =
                random.Next(2) == 0 ? null : new StreamPosition((ulong)random.NextInt64((long)Stream.Top + 2), Stream.Epoch);
            var (limit, reverse) = (random.Next(-1, 5), random.Next(2) == 0);
            var wanted = Model.Where(one => since is not { } from || (reverse ? one.Offset < from.Offset : one.Offset > from.Offset));
            wanted = reverse ? wanted.Reverse() : wanted;
            wanted = limit < 0 ? wanted : wanted.Take(limit);

            var read = Stream.Read(since, limit, reverse);

            read.Select(one => (one.Offset, Convert.ToHexString(one.Payload.Span)))
                .ShouldBe(wanted.Select(one => (one.Offset, Convert.ToHexString(one.Payload))));
        }
    }
}
