using Microsoft.AspNetCore.Connections;

namespace Mooring.Gateway.Admin;

/// <summary>Keeps so many connections, and gives the oldest one's place to whoever comes next. Thread-safe.</summary>
/// <remarks>
/// A server that is full turns newcomers away: whoever opens idle connections to it would keep the kubelet's probes out until it ends the gateway, with
/// all of its clients. A probe is answered within milliseconds of its connect, and who scrapes dials again.
/// </remarks>
/// <param name="most">One or more.</param>
internal sealed class NewestConnections(int most)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<ConnectionContext> _connections = new();

    /// <summary>For <c>ListenOptions.Use</c>.</summary>
    public ConnectionDelegate Around(ConnectionDelegate next) =>
        async connection =>
        {
            LinkedListNode<ConnectionContext>? oldest = null;
            LinkedListNode<ConnectionContext> own;
            lock (_gate)
            {
                if (_connections.Count == most)
                {
                    oldest = _connections.First!;
                    _connections.Remove(oldest);
                }

                own = _connections.AddLast(connection);
            }

            oldest?.Value.Abort(new ConnectionAbortedException("a newer connection has its place"));
            try
            {
                await next(connection);
            }
            finally
            {
                lock (_gate)
                {
                    if (own.List is not null)
                    {
                        _connections.Remove(own);
                    }
                }
            }
        };
}
