namespace Mooring.Gateway.Backends;

/// <summary>HAProxy's <c>rise</c> and <c>fall</c> over the checks of one endpoint. A pure state machine. Not thread-safe.</summary>
/// <remarks>An endpoint that was never checked counts as well; its first check decides alone, so that a bad one is out at once.</remarks>
internal struct ActiveHealth
{
    private int _inRow;
    private bool _checked;

    public bool IsDown { get; private set; }

    /// <summary>Takes on a check's result; true when the endpoint went up or down by it.</summary>
    public bool Note(bool passed, int rise, int fall)
    {
        if (!_checked)
        {
            _checked = true;
            IsDown = !passed;
            return IsDown;
        }

        if (passed != IsDown)
        {
            // It is as it was.
            _inRow = 0;
            return false;
        }

        if (++_inRow < (passed ? rise : fall))
        {
            return false;
        }

        _inRow = 0;
        IsDown = !passed;
        return true;
    }
}
