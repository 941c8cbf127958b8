//! Names that arguments have in tools of many makers, folded: in lower case, letters and digits only.

/// Files and folders.
pub(super) const PATHS: &str = "
    path paths file files filename filenames filepath filepaths pathname dir directory dirname
    folder source sourcepath src destination destinationpath dest dst target targetpath oldpath
    newpath rootpath root cwd workdir workingdirectory workingdir outputpath outputfile outfile
    inputpath inputfile infile absolutepath relativepath relativeworkspacepath targetfile
    notebookpath basepath basedir savepath saveto from to";

/// Where a command runs, and what it runs on.
pub(super) const WORKING_PATHS: &str = "
    cwd workdir workingdirectory workingdir path filepath file filename directory dir";

/// Addresses of the web.
pub(super) const URLS: &str = "
    url urls uri uris endpoint endpointurl baseurl webhook webhookurl callbackurl href pageurl
    targeturl requesturl imageurl fileurl sourceurl downloadurl feedurl proxyurl";

/// Statements of SQL.
pub(super) const STATEMENTS: &str = "
    query queries sql sqlquery sqlstatement statement statements stmt rawsql rawquery command
    script q";

/// Parts of statements.
pub(super) const CONDITIONS: &str = "
    where whereclause filter condition having orderby sort groupby";

/// Tables and columns.
pub(super) const IDENTIFIERS: &str = "
    table tablename tables column columnname columns view schemaname dbname field fields";

/// Commands.
pub(super) const COMMANDS: &str = "
    command commands cmd cmds commandline shellcommand script exec program executable binary
    argv bash shell run";

/// What commands are given.
pub(super) const ARGUMENTS: &str = "
    args arguments parameters params options flags cmdargs";

/// Headers of HTTP.
pub(super) const HEADERS: &str = "
    headers header httpheaders extraheaders requestheaders additionalheaders customheaders";

/// Who a message goes to, and who it is from.
pub(super) const RECIPIENTS: &str = "
    to cc bcc recipient recipients email emails emailaddress emailaddresses toaddress
    toaddresses ccaddresses bccaddresses ccrecipients bccrecipients torecipients from
    fromaddress sender replyto mailto address addresses";

/// What stands in the head of a message.
pub(super) const LINES: &str = "
    subject name title fromname sendername displayname inreplyto messageid references";

/// What is sent along.
pub(super) const ATTACHMENTS: &str = "
    attachment attachments attach attachmentpath attachmentpaths file files path filepath
    filename";

/// What is written.
pub(super) const CONTENTS: &str = "
    content contents data body text filecontent filetext filecontents newcontent newtext
    newstring newstr oldstring oldstr oldtext insert inserttext append html markdown diff patch
    bytes base64";

/// How large a file is.
pub(super) const SIZES: &str = "
    size sizebytes filesize maxsize maxbytes bytecount";

/// What is read and not acted on.
pub(super) const WORDS: &str = "
    pattern regex regexp search query find replace replacement message prompt description
    comment reason note explanation instructions summary thought language encoding mode name id
    title content contents body text html markdown code data diff patch";

/// Arguments within arguments.
pub(super) const CONTAINERS: &str = "
    args arguments kwargs params parameters input inputs options opts request payload toolinput
    actioninput toolargs json config operations actions requests";
