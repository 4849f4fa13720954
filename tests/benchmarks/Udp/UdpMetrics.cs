using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Udp;

/// <summary>One kind of traffic.</summary>
/// <param name="Key">As <c>--only</c> takes it.</param>
/// <param name="Text">In words.</param>
/// <param name="Flows">Clients, each with an address or port of its own.</param>
/// <param name="Bytes">Of a datagram.</param>
/// <param name="Burst">Datagrams that a client has under way.</param>
/// <param name="Goal">Of the CPU time a packet.</param>
/// <param name="Bundled">Bursts arrive gathered, as network cards with GRO deliver them.</param>
internal sealed record UdpStep(string Key, string Text, int Flows, int Bytes, int Burst, Goal Goal, bool Bundled = true)
{
    // 1.2 and 1.5 times the packets per CPU-second.
    private static readonly Goal Mixed = Goal.Relative(1 / 1.2, "nginx");
    private static readonly Goal Gathered = Goal.Relative(1 / 1.5, "nginx");

    public static IReadOnlyList<UdpStep> All { get; } =
    [
        new("mixed-64", "500 flows, 64 B", 500, 64, 1, Mixed),
        new("mixed-1200", "500 flows, 1,200 B", 500, 1200, 1, Mixed),
        new("burst-64", "50 flows, bursts of 16 × 64 B", 50, 64, 16, Gathered),
        new("burst-1200", "50 flows, bursts of 16 × 1,200 B", 50, 1200, 16, Gathered),
        new("burst-singly", "50 flows, bursts of 16 × 1,200 B, sent singly", 50, 1200, 16, Gathered, Bundled: false),
        // As much as one bundle takes: 64 segments, and 65,507 bytes (udp(7)).
        new("long-64", "50 flows, bursts of 64 × 64 B", 50, 64, 64, Gathered),
        new("long-1000", "50 flows, bursts of 64 × 1,000 B", 50, 1000, 64, Gathered),
    ];
}
