using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub;

/// <summary>Finds the clients that have not taken yet what was sent to them.</summary>
internal static class SlowConsumers
{
    /// <summary>A loop's, those with the most bytes first, at most <see cref="AnswerMessage.MaxSlowConsumers"/>. For its thread.</summary>
    public static List<SlowConsumerLoad> Of(string listener, HubLoop loop)
    {
        var slow = new List<SlowConsumerLoad>();
        if (loop.Counters.Waiting == 0)
        {
            return slow;
        }

        foreach (var session in loop.Sessions)
        {
            if (session.IsWaiting)
            {
                slow.Add(
                    new SlowConsumerLoad
                    {
                        Listener = listener,
                        Client = session.Client,
                        User = session.User,
                        Frames = session.Out.Count,
                        Bytes = session.Out.Bytes,
                        AgeSeconds = unchecked((uint)loop.Now - session.Out.OldestTick) / 1000.0,
                    }
                );
            }
        }

        return Heaviest(slow);
    }

    /// <summary>Those with the most bytes first, as many as are listed.</summary>
    public static List<SlowConsumerLoad> Heaviest(IEnumerable<SlowConsumerLoad> slow) =>
        [.. slow.OrderByDescending(static one => one.Bytes).Take(AnswerMessage.MaxSlowConsumers)];
}
