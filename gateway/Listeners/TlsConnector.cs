// Hot path: per connection. See tests/benchmarks.
using Mooring.Gateway.Backends;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>How a handshake with an endpoint stands.</summary>
internal enum TlsProgress
{
    /// <summary>Over, and the endpoint is who it should be.</summary>
    Done,

    /// <summary>An event of the socket goes on with it.</summary>
    Waiting,

    Failed,
}

/// <summary>Takes connections to endpoints that speak TLS through the handshake, within the connect's own time.</summary>
internal sealed unsafe class TlsConnector : IDisposable
{
    private readonly RelayLoop _loop;
    private readonly DescriptorTable<TlsState> _table;

    public TlsConnector(RelayLoop loop, DescriptorTable<TlsState> table)
    {
        (_loop, _table) = (loop, table);
        Sessions = new TlsSessions(descriptor => Key(table[descriptor]->Generation, loop.Table[descriptor]->Endpoint));
    }

    /// <summary>For the loop's thread, and to be told to <see cref="TlsCallbacks"/> there.</summary>
    public TlsSessions Sessions { get; }

    /// <summary>Begins a handshake, or goes on with it.</summary>
    public TlsProgress Advance(int descriptor, Channel* upstream, EndpointState endpoint)
    {
        var totals = endpoint.Target.Tls.Totals;
        if (!upstream->Has(ChannelFlags.Tls) && !Begin(descriptor, upstream, endpoint))
        {
            totals.CountFailed();
            return TlsProgress.Failed;
        }

        var ssl = _table[descriptor]->Ssl;
        OpenSsl.ClearErrors();
        var result = OpenSsl.Handshake(ssl);
        if (result == 1)
        {
            totals.Count(ssl);
            return TlsProgress.Done;
        }

        if (OpenSsl.GetError(ssl, result) is SslError.WantRead or SslError.WantWrite)
        {
            return TlsProgress.Waiting;
        }

        totals.CountFailed();
        return TlsProgress.Failed;
    }

    public void Dispose() => Sessions.Dispose();

    private bool Begin(int descriptor, Channel* upstream, EndpointState endpoint)
    {
        var target = endpoint.Target;
        // A PROXY header must be out whole first; it is, but for a socket buffer smaller than any.
        if (target.Tls.Client is not { } client || upstream->Pending != 0)
        {
            return false;
        }

        var ssl = client.Connect(target.TlsHost);
        if (ssl == 0)
        {
            return false;
        }

        var generation = (int)client.Generation;
        TlsCallbacks.Sessions = Sessions;
        Sessions.Offer(ssl, Key(generation, endpoint.Index));
        *_table.Claim(descriptor) = new TlsState { Ssl = ssl, Generation = generation };
        upstream->Flags |= ChannelFlags.Tls;
        return OpenSsl.SetDescriptor(ssl, descriptor) == 1;
    }

    private static long Key(int generation, int endpoint) => ((long)generation << 32) | (uint)endpoint;
}
