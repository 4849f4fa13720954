using System.Text;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Keeps what a broker tells. Thread-safe.</summary>
internal sealed class Received : IHubReceiver
{
    private readonly Lock _gate = new();
    private readonly List<(string Channel, StreamPosition Position, string Payload)> _publications = [];
    private readonly List<(string Channel, bool Joined, string Info)> _presence = [];
    private readonly List<string> _control = [];
    private int _interruptions;

    public IReadOnlyList<(string Channel, bool Joined, string Info)> Presence
    {
        get
        {
            lock (_gate)
            {
                return [.. _presence];
            }
        }
    }

    public IReadOnlyList<string> Control
    {
        get
        {
            lock (_gate)
            {
                return [.. _control];
            }
        }
    }

    public int Interruptions => Volatile.Read(ref _interruptions);

    public IReadOnlyList<(StreamPosition Position, string Payload)> Of(string channel)
    {
        lock (_gate)
        {
            return [.. _publications.Where(one => one.Channel == channel).Select(one => (one.Position, one.Payload))];
        }
    }

    public void OnPublication(string channel, StreamPosition position, ReadOnlyMemory<byte> payload)
    {
        lock (_gate)
        {
            _publications.Add((channel, position, Encoding.UTF8.GetString(payload.Span)));
        }
    }

    public void OnPresence(string channel, bool joined, ReadOnlyMemory<byte> info)
    {
        lock (_gate)
        {
            _presence.Add((channel, joined, Encoding.UTF8.GetString(info.Span)));
        }
    }

    public void OnControl(ReadOnlyMemory<byte> message)
    {
        lock (_gate)
        {
            _control.Add(Encoding.UTF8.GetString(message.Span));
        }
    }

    public void OnInterrupted(IReadOnlyCollection<string>? channels) => Interlocked.Increment(ref _interruptions);
}
