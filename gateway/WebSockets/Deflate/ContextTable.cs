namespace Mooring.Gateway.WebSockets.Deflate;

/// <summary>Compression contexts of single connections, by handle from 1 on. One per loop; not thread-safe.</summary>
internal sealed class ContextTable<T> : IDisposable
    where T : class, IDisposable
{
    private readonly List<T?> _contexts = [];
    private readonly Stack<int> _free = new();

    public int Count => _contexts.Count - _free.Count;

    /// <summary>The context of the handle; a handle of 0 gets a new one.</summary>
    public T Get(ref int handle, Func<T> make)
    {
        if (handle != 0)
        {
            return _contexts[handle - 1]!;
        }

        var made = make();
        if (!_free.TryPop(out handle))
        {
            _contexts.Add(null);
            handle = _contexts.Count;
        }

        _contexts[handle - 1] = made;
        return made;
    }

    public void Release(ref int handle)
    {
        if (handle == 0)
        {
            return;
        }

        _contexts[handle - 1]!.Dispose();
        _contexts[handle - 1] = null;
        _free.Push(handle);
        handle = 0;
    }

    public void Dispose()
    {
        foreach (var context in _contexts)
        {
            context?.Dispose();
        }

        _contexts.Clear();
        _free.Clear();
    }
}
