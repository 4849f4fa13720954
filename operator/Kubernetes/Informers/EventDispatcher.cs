using Microsoft.Extensions.Logging;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Informers;

/// <summary>Calls handlers; one that throws is logged and harms no other.</summary>
internal sealed partial class EventDispatcher<T>(string resource, ILogger logger)
    where T : class, IKubernetesObject
{
    private readonly Lock _lock = new();
    private ResourceEventHandler<T>[] _handlers = [];

    public IDisposable Add(ResourceEventHandler<T> handler)
    {
        lock (_lock)
        {
            _handlers = [.. _handlers, handler];
        }

        return new Registration(this, handler);
    }

    public void CallAll(Action<ResourceEventHandler<T>, T?, T?> call, T? old, T? value)
    {
        foreach (var handler in _handlers)
        {
            Call(handler, call, old, value);
        }
    }

    public void Call(ResourceEventHandler<T> handler, Action<ResourceEventHandler<T>, T?, T?> call, T? old, T? value)
    {
        try
        {
            call(handler, old, value);
        }
        catch (Exception error)
        {
            LogHandlerFailed(error, resource, value is null ? "" : ObjectKey.Of(value).ToString());
        }
    }

    [LoggerMessage(10, LogLevel.Error, "A handler of {Resource} failed for {Key}")]
    private partial void LogHandlerFailed(Exception error, string resource, string key);

    private sealed class Registration(EventDispatcher<T> owner, ResourceEventHandler<T> handler) : IDisposable
    {
        // Takes effect from the next event on: a list under way is never changed.
        public void Dispose()
        {
            lock (owner._lock)
            {
                owner._handlers = [.. owner._handlers.Where(one => !ReferenceEquals(one, handler))];
            }
        }
    }
}
