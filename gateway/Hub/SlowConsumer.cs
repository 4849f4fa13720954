using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Hub;

/// <summary>A client that has not taken yet what was sent to it.</summary>
/// <param name="Listener">Where.</param>
/// <param name="Client">Its id.</param>
/// <param name="User">Empty: anonymous.</param>
/// <param name="Frames">That wait.</param>
/// <param name="Bytes">Of those.</param>
/// <param name="AgeSeconds">How long the oldest has waited.</param>
internal sealed record SlowConsumer(string Listener, string Client, string User, int Frames, long Bytes, double AgeSeconds)
{
    /// <summary>Listed at most, those with the most bytes.</summary>
    public const int Max = 100;

    public SlowConsumerLoad ToLoad() =>
        new()
        {
            Listener = Listener,
            Client = Client,
            User = User,
            Frames = Frames,
            Bytes = Bytes,
            AgeSeconds = AgeSeconds,
        };

    /// <summary>A loop's. For its thread.</summary>
    public static List<SlowConsumer> Of(string listener, HubLoop loop)
    {
        var slow = new List<SlowConsumer>();
        if (loop.Counters.Waiting == 0)
        {
            return slow;
        }

        foreach (var session in loop.Sessions)
        {
            if (session.IsWaiting)
            {
                var age = unchecked((uint)loop.Now - session.Out.OldestTick) / 1000.0;
                slow.Add(new SlowConsumer(listener, session.Client, session.User, session.Out.Count, session.Out.Bytes, age));
            }
        }

        return [.. slow.OrderByDescending(static one => one.Bytes).Take(Max)];
    }
}
