using System.Text.Json;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>A client of one recoverable channel that does what centrifuge-js does, and holds the server to it: no gap, no duplicate, no disorder.</summary>
internal sealed class ModelClient(HubHarness hub, string channel)
{
    private HubSession? _session;
    private string _epoch = "";
    private int _id;
    private bool _wasSubscribed;

    /// <summary>Of the last publication it has.</summary>
    public ulong Offset { get; private set; }

    /// <summary>Times it was told that something is missing.</summary>
    public int Unrecovered { get; private set; }

    /// <summary>Times it got what it had missed.</summary>
    public int Recovered { get; private set; }

    public void Reconnect()
    {
        if (_session is { IsClosed: false } open)
        {
            // What was sent before its socket went is still its own.
            Take();
            hub.Loop.Closed(open);
        }

        _session = hub.Open();
        hub.Send(_session, $$$"""{"id":{{{++_id}}},"connect":{}}""");
        Subscribe();
    }

    /// <summary>Reads what came, and subscribes again where it is told to.</summary>
    public void Take()
    {
        foreach (var message in hub.Read(_session!))
        {
            if (message.TryGetProperty("subscribe", out var reply))
            {
                OnSubscribed(reply);
            }
            else if (message.TryGetProperty("push", out var push) && push.TryGetProperty("pub", out var publication))
            {
                OnPublication(publication);
            }
            else if (message.TryGetProperty("push", out push) && push.TryGetProperty("unsubscribe", out var end))
            {
                end.GetProperty("code").GetInt32().ShouldBe(2500);
                Subscribe();
                Take();
                return;
            }
        }

        if (_session!.IsClosed)
        {
            Reconnect();
        }
    }

    private void Subscribe()
    {
        var position = _wasSubscribed ? $",\"recover\":true,\"offset\":{Offset},\"epoch\":\"{_epoch}\"" : "";
        hub.Send(_session!, $$$"""{"id":{{{++_id}}},"subscribe":{"channel":"{{{channel}}}"{{{position}}}}}""");
    }

    private void OnSubscribed(JsonElement reply)
    {
        var recovered = reply.TryGetProperty("recovered", out var value) && value.GetBoolean();
        var offset = reply.GetProperty("offset").GetUInt64();
        _epoch = reply.GetProperty("epoch").GetString()!;
        if (recovered)
        {
            Recovered++;
            offset.ShouldBe(Offset);
            foreach (var publication in reply.TryGetProperty("publications", out var list) ? list.EnumerateArray().ToArray() : [])
            {
                OnPublication(publication);
            }
        }
        else
        {
            Unrecovered += _wasSubscribed ? 1 : 0;
            offset.ShouldBeGreaterThanOrEqualTo(Offset);
            Offset = offset;
        }

        _wasSubscribed = true;
    }

    private void OnPublication(JsonElement publication)
    {
        var offset = publication.GetProperty("offset").GetUInt64();
        offset.ShouldBe(Offset + 1);
        publication.GetProperty("data").GetUInt64().ShouldBe(offset);
        Offset = offset;
    }
}
