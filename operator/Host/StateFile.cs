namespace Mooring.Operator.Host;

/// <summary>A file of the state directory, which somebody else may have tidied away (logind does so with <c>/run/user/UID</c> after a logout).</summary>
internal static class StateFile
{
    /// <summary>Removes it, if that can be done: no fleet is to end for a file that is left.</summary>
    public static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The watchdog, or the next start, removes what is left.
        }
    }
}
